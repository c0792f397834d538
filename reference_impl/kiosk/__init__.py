"""The reference kiosk (参考终端): a social security card in, its holder on the screen, the card back.

``words.py`` is what happens and what is done about it, ``flow.py`` the pure rules in between, ``runtime.py`` the loop
that does what the flow says, ``bays.py`` where a card stands, ``screen.py`` what the citizen sees, ``citizen.py`` what
they press.
"""
