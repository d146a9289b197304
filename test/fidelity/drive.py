"""Runs a plan of commands with clients that were not written here, and reports each result.

Reads a JSON list of steps from standard input. A step holds either `cli` (arguments of the `openstack` command, which runs
as a process of its own) or `sdk` (service, method, positional and named arguments of the OTC SDK). `{name.field}` in any
text is replaced by a field of what a former step saved, `@name` alone by the SDK's own object. `until` repeats a step until a field of its result has a value. Writes one JSON line a step.
"""
import json
import os
import re
import subprocess
import sys
import time

import openstack
import otcextensions.sdk

saved = {}
objects = {}
command = os.path.join(os.path.dirname(sys.executable), "openstack")


def filled(value):
    if isinstance(value, str) and value.startswith("@"):
        return objects[value[1:]]
    if isinstance(value, str):
        def field(match):
            part = saved
            for key in match.group(1).split("."):
                part = part[int(key)] if isinstance(part, list) else part[key]
            return str(part)
        return re.sub(r"\{([a-z][\w.]*)\}", field, value)
    if isinstance(value, list):
        return [filled(one) for one in value]
    if isinstance(value, dict):
        return {key: filled(one) for key, one in value.items()}
    return value


def plain(value):
    if value is None or isinstance(value, (str, int, float, bool)):
        return value
    if hasattr(value, "to_dict"):
        return plain(value.to_dict())
    if isinstance(value, dict):
        return {str(key).lower().replace(" ", "_"): plain(one) for key, one in value.items() if not str(key).startswith("_")}
    if hasattr(value, "__iter__"):
        return [plain(one) for one in value]
    return str(value)


def by_cli(arguments):
    done = subprocess.run([command, *arguments], capture_output=True, text=True, timeout=120)
    if done.returncode:
        raise RuntimeError(f"exit {done.returncode}: {(done.stderr.strip() or done.stdout.strip())[-500:]}")
    text = done.stdout.strip()
    return json.loads(text) if text.startswith(("{", "[")) else text


def by_sdk(connection, service, method, arguments=(), named=None):
    proxy = getattr(connection, service)
    result = getattr(proxy, method)(*arguments, **(named or {}))
    return list(result) if hasattr(result, "__next__") else result


def fits(value, until):
    field, wanted = until
    if isinstance(value, list):
        return len(value) == wanted if field == "length" else any(fits(one, until) for one in value)
    return isinstance(value, dict) and value.get(field) == wanted


def once(connection, step):
    if "cli" in step:
        return by_cli(filled(step["cli"]))
    return by_sdk(connection, *filled(step["sdk"]))


def run(connection, step):
    end = time.monotonic() + step.get("seconds", 60)
    while True:
        try:
            result = once(connection, step)
            value = plain(result)
            if "until" not in step or fits(value, step["until"]):
                return value, result
            problem = f"never became {step['until']}: {json.dumps(value)[:400]}"
        except Exception as error:
            if not step.get("retry"):
                raise
            problem = str(error)
        if time.monotonic() > end:
            raise TimeoutError(problem)
        time.sleep(0.3)


def main():
    plan = json.load(sys.stdin)
    connection = openstack.connect()
    otcextensions.sdk.register_otc_extensions(connection)
    broken = set()
    for step in plan:
        started = time.monotonic()
        result = {"service": step["service"], "what": step["what"], "ok": True, "text": ""}
        try:
            if step["service"] in broken and not step.get("retry"):
                raise RuntimeError("not tried, since a creation before it failed")
            value, result_object = run(connection, step)
            if "save" in step:
                saved[step["save"]], objects[step["save"]] = value, result_object
        except Exception as error:
            if "save" in step:
                broken.add(step["service"])
            result.update(ok=False, text=f"{type(error).__name__}: {error}"[:600])
        result["milliseconds"] = round((time.monotonic() - started) * 1000)
        print(json.dumps(result), flush=True)


main()
