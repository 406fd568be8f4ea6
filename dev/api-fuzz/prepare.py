"""Makes what the fuzzer is to find: a guest, whose token is printed, and a payment, whose id goes into `payments.txt`."""

import json
import sys
import urllib.request

origin, payments = sys.argv[1:]


def post(path, body=None, token=None):
    headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"{origin}/api/v1/{path}", data=data, headers=headers, method="POST")
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


token = post("auth/guest")["access_token"]
request_id = post("checkout/sessions", {"amount_cents": 500}, token)["request_id"]
with open(payments, "w", encoding="utf-8") as file:
    print(json.dumps(request_id), file=file)
print(token)
