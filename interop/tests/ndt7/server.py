"""A server of ndt7 as its document has it, over another WebSocket. Tests run for three seconds."""
import asyncio
import json
import os
import time

from websockets.asyncio.server import serve

RUN = 3.0
MESSAGE = os.urandom(1 << 16)


def measurement(test, begun, count):
    app = {"NumBytes": count, "ElapsedTime": int((time.monotonic() - begun) * 1e6)}
    connection = {"Client": "127.0.0.1:1", "Server": "127.0.0.1:2", "UUID": "theirs"}
    return json.dumps({"AppInfo": app, "ConnectionInfo": connection, "Origin": "server", "Test": test})


async def download(socket):
    begun, count, told = time.monotonic(), 0, 0.0
    while (now := time.monotonic() - begun) < RUN:
        await socket.send(MESSAGE)
        count += len(MESSAGE)
        if now - told > 0.25:
            await socket.send(measurement("download", begun, count))
            told = now


async def upload(socket):
    begun, count, told = time.monotonic(), 0, 0.0
    while (now := time.monotonic() - begun) < RUN:
        message = await socket.recv()
        if isinstance(message, str):
            assert json.loads(message)["Origin"] == "client", message
            continue
        assert 1 << 10 <= len(message) <= 1 << 24, len(message)
        count += len(message)
        if now - told > 0.25:
            await socket.send(measurement("upload", begun, count))
            told = now


async def test(socket):
    path = socket.request.path.split("?")[0]
    assert "client_name=portolan" in socket.request.path, socket.request.path
    await {"/ndt/v7/download": download, "/ndt/v7/upload": upload}[path](socket)
    await socket.close(1000)


async def main():
    subprotocols = ["net.measurementlab.ndt.v7"]
    async with serve(test, "127.0.0.1", 0, subprotocols=subprotocols, max_size=1 << 24, compression=None) as server:
        print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
        await server.serve_forever()


asyncio.run(main())
