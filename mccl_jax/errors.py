"""The one exception that is the user's to mend."""


class UserError(Exception):
    """A mistake or a defect that the user can mend: one line that says where, what was expected and what to do.

    `run.py` prints the message and exits with status 2. Anything else that is raised is a fault of ours.
    """
