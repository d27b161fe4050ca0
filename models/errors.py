"""The models' error tree: each message names the input and the remedy."""


class ModelError(Exception):
    """Training data, a bundle or a report that cannot be used."""


class DataError(ModelError):
    """History that a model cannot be trained or judged on."""


class BundleError(ModelError):
    """A bundle that is not what its manifest says, or is not there."""


class RegistryError(ModelError):
    """A version that there is not, or a move that makes no sense."""
