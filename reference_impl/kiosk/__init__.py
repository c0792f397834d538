"""The reference kiosk (参考终端): a social security card in, its holder on the screen, the card back.

With a platform it also does business: bills, registration, refunds.

``words.py`` is what happens and what is done about it, ``flow.py`` the pure rules in between, ``runtime.py`` the loop
that does what the flow says, ``bays.py`` where a card stands, ``screen.py`` what the citizen sees, ``citizen.py`` what
they press. ``business`` holds the pure rules of business, ``service.py`` how it sits in the flow, ``desk.py`` the hands that
do it, ``platform*.py`` the seam to the platform and its client, ``outbox.py`` and ``settle.py`` what survives a loss of power,
``receipt*.py`` and ``printing.py`` the slips.
"""
