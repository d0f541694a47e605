"""From a record to a text: word classes, phrases, references and the teller that puts them together."""
