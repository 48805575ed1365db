"""requests-oauthlib as its users use it: a session for the application, one for the person."""
from oauthlib.oauth2 import BackendApplicationClient, LegacyApplicationClient
from requests_oauthlib import OAuth2Session

settings, person = {}, None


def configure(argument):
    """Takes {origin, id, secret, redirect, scope, pkce}."""
    global person
    settings.update(argument)
    person = OAuth2Session(settings["id"], redirect_uri=settings["redirect"], scope=settings.get("scope"), pkce=settings.get("pkce"))


def application(argument):
    """Takes further fields; secret_in_form puts the credentials into the form, scope is what the session asks for."""
    more = dict(argument or {})
    session = OAuth2Session(client=BackendApplicationClient(client_id=settings["id"], scope=more.pop("scope", None)))
    if more.pop("secret_in_form", False):
        return session.fetch_token(settings["origin"] + "/oauth/token", client_secret=settings["secret"], include_client_id=True, **more)
    return session.fetch_token(settings["origin"] + "/oauth/token", auth=(settings["id"], settings["secret"]), **more)


def authorize_url(argument):
    """Takes {state, more}."""
    address, state = person.authorization_url(settings["origin"] + "/oauth/authorize/", state=argument["state"], **argument["more"])
    assert state == argument["state"]
    return address


def exchange(back):
    """Takes the address that the person came back to; the session checks its state."""
    return person.fetch_token(settings["origin"] + "/oauth/token", authorization_response=back, client_secret=settings["secret"])


def refresh(_):
    return person.refresh_token(settings["origin"] + "/oauth/token", auth=(settings["id"], settings["secret"]))


def refresh_without_secret(_):
    return person.refresh_token(settings["origin"] + "/oauth/token")


def password(argument):
    session = OAuth2Session(client=LegacyApplicationClient(client_id=settings["id"]))
    return session.fetch_token(settings["origin"] + "/oauth/token", client_secret=settings["secret"], **argument)


def read(path):
    got = person.get(settings["origin"] + path)
    return {"status": got.status_code, "body": got.json()}


def told(error):
    return {
        "message": type(error).__name__ + " " + str(error),
        "status": getattr(error, "status_code", 0) or 0,
        "body": {"error": getattr(error, "error", None), "error_description": getattr(error, "description", None)},
    }
