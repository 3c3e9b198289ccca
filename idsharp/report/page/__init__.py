"""A study on one page: what it says, as Markdown and as HTML."""
