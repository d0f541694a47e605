"""Stories and evidence to a page and an API: `fabula serve`. Nothing else imports it."""
