"""What a kiosk does for an identified citizen: bills, registration, refunds. Pure: a session and an event go in, the next
session and what to do go out; time is an argument.

``words.py`` is what happens and what is done about it, ``session.py`` what is known between two steps, ``flow.py`` the
rules (payment, registration and refund beside it), ``told.py`` what may be said about money, ``journal.py`` what survives
a loss of power.
"""
