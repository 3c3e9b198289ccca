"""Errors about a dataset or one of its files."""


class DatasetError(ValueError):
    """A dataset is missing or invalid; the message says what to do."""


class MissingDataError(DatasetError):
    """Files that only the user can provide are missing; the message says which, and where to."""


class FormatError(ValueError):
    """A file violates its format; the message names the file and the cause."""


class UnreadableImageError(FormatError):
    """An image cannot be decoded; the message names the file and the cause."""


class ImageRemark(UserWarning):
    """Something users should know about an image that was read, such as that frames were skipped.

    The text is identical for all images that it applies to, so that they can be counted.
    """
