"""The command ``onecard`` and its screens. Imports the services of other packages, never their insides."""
