"""What can be wrong with a dataset or one of its files."""


class DatasetError(ValueError):
    """A dataset is missing or not what it should be; the message says what to do."""


class MissingDataError(DatasetError):
    """Files that only the user can bring are absent; the message says which and where they go."""


class FormatError(ValueError):
    """A file does not hold what its format promises; the message names the file and the cause."""


class UnreadableImageError(FormatError):
    """An image that cannot be decoded; the message names the file and the cause."""


class ImageRemark(UserWarning):
    """What a person should know about an image that was read, such as that frames were left out.

    The text is the same for all images that it holds for, so that they can be counted.
    """
