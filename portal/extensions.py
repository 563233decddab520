"""Extensions of Flask, made once and bound in create_app."""

from flask_login import LoginManager
from flask_migrate import Migrate
from flask_wtf import CSRFProtect
from htmx_flask import Htmx

migrate = Migrate()
login = LoginManager()
csrf = CSRFProtect()
htmx = Htmx()
