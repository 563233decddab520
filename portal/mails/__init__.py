"""The demo's mails: nothing leaves it, so they are read here. Not there when mail is sent for real."""
