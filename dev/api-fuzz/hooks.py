"""Signs the fuzzer's requests in, each as whom it takes."""

import json
import os
import urllib.request

import schemathesis

ORIGIN = os.environ["API_FUZZ_URL"]
COOKIE = "blazing_sun_refresh"
# A refresh token is good once, a guest becomes an account once, and a user's payments are counted.
AS_SOMEBODY_NEW = {"refresh", "logout", "logoutEverywhere", "upgradeGuest", "requestPayment", "cancelPayment"}


def sign_in():
    request = urllib.request.Request(f"{ORIGIN}/api/v1/auth/guest", method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        cookie = answer.headers["Set-Cookie"].split(";")[0].removeprefix(f"{COOKIE}=")
        return {"access": json.load(answer)["access_token"], "refresh": cookie}


@schemathesis.auth(cache_by_key=lambda case, _: None, refresh_interval=None)
class Guests:
    """One guest for everything that leaves guests as they are."""

    def __init__(self):
        self.lasting = None

    def get(self, case, _context):
        if case.operation.definition.raw["operationId"] in AS_SOMEBODY_NEW:
            return sign_in()
        self.lasting = self.lasting or {"access": os.environ["API_FUZZ_TOKEN"], "refresh": None}
        return self.lasting

    def set(self, case, guest, _context):
        if guest["refresh"] and case.operation.definition.raw["operationId"] in ("refresh", "logout"):
            case.cookies = {**(case.cookies or {}), COOKIE: guest["refresh"]}
        else:
            case.headers = {**(case.headers or {}), "Authorization": f"Bearer {guest['access']}"}
