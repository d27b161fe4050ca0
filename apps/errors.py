"""The apps' error tree: each message says what was wrong and what to do. The command line prints it as one line."""


class AppError(Exception):
    """Something the person at the command line can mend."""


class BrokerError(AppError):
    """Kafka cannot be started or reached."""


class DatabaseError(AppError):
    """The database cannot be opened or written."""


class NoDatabaseError(DatabaseError):
    """There is none yet, or it has no tables: nobody has filled it."""


class InputError(AppError):
    """A file, option or message that cannot be used."""
