"""Authlib as its users use it: one session for the application and the person."""
from authlib.integrations.requests_client import OAuth2Session

settings, session = {}, None


def configure(argument):
    """Takes {origin, id, secret, redirect, scope, verifier, method}; method is how the client authenticates."""
    global session
    settings.clear()
    settings.update(argument)
    session = OAuth2Session(
        settings["id"],
        settings["secret"],
        redirect_uri=settings["redirect"],
        scope=settings.get("scope"),
        code_challenge_method="S256",
        token_endpoint_auth_method=settings.get("method", "client_secret_basic"),
        token_endpoint=settings["origin"] + "/oauth/token",
    )


def application(argument):
    return session.fetch_token(grant_type="client_credentials", **(argument or {}))


def registration(argument):
    return session.fetch_token(grant_type="registration_code", **argument)


def authorize_url(argument):
    """Takes {state, more}."""
    address, _ = session.create_authorization_url(
        settings["origin"] + "/oauth/authorize/", state=argument["state"], code_verifier=settings["verifier"], **argument["more"]
    )
    return address


def exchange(argument):
    """Takes {back, state}; state is what the session holds the return to."""
    return session.fetch_token(authorization_response=argument["back"], state=argument["state"], code_verifier=settings["verifier"])


def refresh(_):
    return session.refresh_token(settings["origin"] + "/oauth/token", refresh_token=session.token["refresh_token"])


def introspect(_):
    got = session.introspect_token(settings["origin"] + "/oauth/introspect", token=session.token["access_token"])
    return {"status": got.status_code, "body": got.json()}


def read(path):
    got = session.get(settings["origin"] + path)
    return {"status": got.status_code, "body": got.json()}


def told(error):
    return {
        "message": type(error).__name__ + " " + str(error),
        "status": getattr(error, "status_code", 0) or 0,
        "body": {"error": getattr(error, "error", None), "error_description": getattr(error, "description", None)},
    }
