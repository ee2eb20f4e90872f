"""A typical first receiver in Python. Nothing in it makes it slower than necessary."""

import json
from contextlib import asynccontextmanager
from datetime import datetime, timezone

import asyncpg
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse
from uuid_utils.compat import uuid7

INSERT = """
    insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
    values ($1, $2, $3, $4, $5, $6, $7, 'writer')
"""


@asynccontextmanager
async def lifespan(app: FastAPI):
    # The PG… variables contain the address of the database.
    async with asyncpg.create_pool(min_size=10, max_size=10) as pool:
        app.state.pool = pool
        yield


app = FastAPI(lifespan=lifespan)


@app.post("/callbacks/{name}")
async def accept(name: str, request: Request) -> JSONResponse:
    if request.headers.get("authorization") != "Basic a2V5OnNlY3JldA==":
        return JSONResponse({"reason": "no right credential"}, status_code=401)
    body = await request.body()
    try:
        json.loads(body)
    except ValueError:
        return JSONResponse({"reason": "not JSON"}, status_code=400)
    callback_id = uuid7()
    kept = b"".join(
        f"{header}: {request.headers[header]}\r\n".encode()
        for header in ("content-type", "user-agent")
        if header in request.headers
    )
    now = datetime.now(timezone.utc)
    await app.state.pool.execute(INSERT, callback_id, 1, 1, now, request.client.host, kept, body)
    return JSONResponse({"id": str(callback_id)})
