// The receiver that one writes first in Node, by the manuals of Express and pg. No word in it is there to make it slow.
import express from "express";
import pg from "pg";
import { v7 as uuid } from "uuid";

// Where the database is, the PG… variables say.
const pool = new pg.Pool({ max: 10 });
const app = express();

// The body has to be kept as it came, and `verify` is where express.json gives it away.
const keepRaw = (request, _response, raw) => {
  request.raw = raw;
};

app.post("/callbacks/:name", express.json({ limit: "256kb", verify: keepRaw }), async (request, response) => {
  if (request.headers.authorization !== "Basic a2V5OnNlY3JldA==") {
    return response.status(401).json({ reason: "no right credential" });
  }
  const id = uuid();
  const kept = ["content-type", "user-agent"]
    .filter((name) => name in request.headers)
    .map((name) => `${name}: ${request.headers[name]}\r\n`)
    .join("");
  await pool.query(
    `insert into eqp.callback (id, endpoint_id, credential_id, received_at, source, headers, body, via)
     values ($1, $2, $3, $4, $5, $6, $7, 'writer')`,
    [id, 1, 1, new Date(), request.socket.remoteAddress, Buffer.from(kept), request.raw],
  );
  response.json({ id });
});

const server = app.listen(Number(process.env.PORT), "127.0.0.1");
server.keepAliveTimeout = 60_000;
