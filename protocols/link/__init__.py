"""Links move bytes and know no meaning. One module a scheme; :func:`protocols.link.base.open_link` finds it."""
