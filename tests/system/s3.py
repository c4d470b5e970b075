"""An S3 server on loopback, in two processes: the store keeps the objects, the front is what mounts speak to.

So the front can be killed and started again like a server, and the objects are still there, as S3's would be.
"""

import asyncio
import sys

from harness import MARK, until


class Store:
    """moto's server, shared by all tests of a run."""

    def __init__(self, room):
        self.process = room.start("s3-store", sys.executable, __file__, "store")
        self.port = port(self.process)

    def client(self):
        import boto3
        from botocore.config import Config

        return boto3.client(
            "s3",
            endpoint_url=f"http://127.0.0.1:{self.port}",
            aws_access_key_id="key",
            aws_secret_access_key="secret",
            region_name="us-east-1",
            config=Config(retries={"max_attempts": 0}, max_pool_connections=4),
        )


class Front:
    """Forwards to the store."""

    def __init__(self, room, store):
        self.room = room
        self.store = store
        self.start(0)

    def start(self, on=None):
        """Starts it, at the port that it had before."""
        on = self.port if on is None else on
        self.process = self.room.start("s3-front", sys.executable, __file__, "front", on, self.store.port)
        self.port = port(self.process)

    def kill(self):
        self.process.kill()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"


class Bucket:
    """A bucket of its own for a test, seen by its owner: behind every mount's back."""

    def __init__(self, room):
        store = room.session.share(Store)
        self.front = Front(room, store)
        self.s3 = store.client()
        self.name = room.folder.name.lower().replace("_", "-")
        self.s3.create_bucket(Bucket=self.name)

    def put(self, key, text):
        self.s3.put_object(Bucket=self.name, Key=key, Body=text.encode())

    def get(self, key):
        """The object's text, or None."""
        try:
            return self.s3.get_object(Bucket=self.name, Key=key)["Body"].read().decode()
        except self.s3.exceptions.NoSuchKey:
            return None

    def delete(self, key):
        self.s3.delete_object(Bucket=self.name, Key=key)

    def keys(self, prefix=""):
        found = self.s3.list_objects_v2(Bucket=self.name, Prefix=prefix).get("Contents", [])
        return sorted(o["Key"] for o in found if not o["Key"].endswith(MARK))


def port(process):
    """The port that the process says it got."""
    return int(until("the server says its port", lambda: [r for r in process.text().split("\n")[:-1] if r.isdigit()])[0])


def store():
    import signal

    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    print(server.get_host_and_port()[1], flush=True)
    signal.pause()


async def front(on, to):
    async def pump(reader, writer):
        try:
            while data := await reader.read(1 << 16):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        finally:
            writer.close()

    async def serve(reader, writer):
        try:
            store_reader, store_writer = await asyncio.open_connection("127.0.0.1", to)
        except OSError:
            writer.close()
            return
        await asyncio.gather(pump(reader, store_writer), pump(store_reader, writer))

    server = await asyncio.start_server(serve, "127.0.0.1", on)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    if sys.argv[1] == "store":
        store()
    else:
        asyncio.run(front(int(sys.argv[2]), int(sys.argv[3])))
