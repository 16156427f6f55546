"""A client by the official Python SDK, told what to do line by line: JSON in, JSON out.

The one argument says how the server is reached and how the protocol is agreed on:
{"command": [...], "cwd": ..., "env": {...}, "mode": "legacy" | "auto"} or {"url": ..., "token": ..., "mode": ...}
It says yes to whatever it is asked, and keeps count: a server that lets itself be answered would be caught.
"""

import json
import sys
import warnings

import anyio
from mcp import Client, StdioServerParameters, types
from mcp.client.streamable_http import streamable_http_client
from mcp.shared._httpx_utils import create_mcp_http_client

warnings.simplefilter("ignore")


def plain(document):
    return document.model_dump(mode="json", by_alias=True, exclude_none=True)


def say(document):
    sys.stdout.write(json.dumps(document) + "\n")
    sys.stdout.flush()


def inner(error):
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


class Told:
    """One client, as it is told."""

    def __init__(self, how):
        self.how = how
        self.asked = []
        self.root = how.get("root", "/")
        self.running = {}

    async def elicit(self, context, params):
        self.asked.append("elicitation")
        return types.ElicitResult(action="accept", content={})

    async def sample(self, context, params):
        self.asked.append("sampling")
        content = types.TextContent(type="text", text="yes")
        return types.CreateMessageResult(role="assistant", content=content, model="m")

    async def roots(self, context):
        self.asked.append("roots")
        return types.ListRootsResult(roots=[types.Root(uri=f"file://{self.root}")])

    def transport(self):
        if "url" in self.how:
            headers = {"Authorization": f"Bearer {self.how['token']}"} if "token" in self.how else {}
            return streamable_http_client(self.how["url"], http_client=create_mcp_http_client(headers=headers))
        command = self.how["command"]
        return StdioServerParameters(
            command=command[0], args=command[1:], env=self.how.get("env"), cwd=self.how.get("cwd")
        )

    def client(self):
        return Client(
            self.transport(),
            mode=self.how.get("mode", "auto"),
            elicitation_callback=self.elicit,
            sampling_callback=self.sample,
            list_roots_callback=self.roots,
        )

    async def call(self, client, told):
        heard = []

        async def progress(done, total, message):
            heard.append(message)

        try:
            result = plain(
                await client.call_tool(
                    told["name"],
                    told.get("arguments", {}),
                    progress_callback=progress if told.get("progress") else None,
                )
            )
        except anyio.get_cancelled_exc_class():
            raise
        except Exception as error:
            result = {"error": inner(error)}
        if heard:
            result["heard"] = heard
        return result

    async def start(self, client, told, group):
        """A call that goes on while other things are told."""
        scope, ended = anyio.CancelScope(), anyio.Event()
        entry = {"scope": scope, "ended": ended, "result": None}
        self.running[told["id"]] = entry

        async def life():
            with scope:
                entry["result"] = await self.call(client, told)
            ended.set()

        group.start_soon(life)
        return {}

    async def obey(self, client, told, group):
        match told["do"]:
            case "about":
                return {
                    "version": client.protocol_version,
                    "server": plain(client.server_info),
                    "capabilities": plain(client.server_capabilities),
                    "instructions": client.instructions,
                }
            case "list":
                return plain(await client.list_tools())
            case "call":
                return await self.call(client, told)
            case "start":
                return await self.start(client, told, group)
            case "cancel":
                entry = self.running[told["id"]]
                entry["scope"].cancel()
                await entry["ended"].wait()
                return {"result": entry["result"]}
            case "wait":
                entry = self.running[told["id"]]
                await entry["ended"].wait()
                return entry["result"]
            case "roots":
                self.root = told["root"]
                await client.send_roots_list_changed()
                return {}
            case "asked":
                return {"asked": self.asked}
            case other:
                return {"error": f"nobody knows `{other}`"}

    async def live(self):
        async with self.client() as client, anyio.create_task_group() as group:
            say({"ready": True})
            while line := await anyio.to_thread.run_sync(sys.stdin.readline):
                try:
                    say(await self.obey(client, json.loads(line), group))
                except Exception as error:
                    say({"error": inner(error)})


try:
    anyio.run(Told(json.loads(sys.argv[1])).live)
except BaseException as error:
    say({"error": inner(error)})
    sys.exit(1)
