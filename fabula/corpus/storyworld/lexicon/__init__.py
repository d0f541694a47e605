"""The words of the story world, typed so that only sensible combinations can be made."""
