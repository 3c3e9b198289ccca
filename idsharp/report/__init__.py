"""Tables, figures and summary of a study."""
