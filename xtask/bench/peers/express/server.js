// A typical first receiver in Node, written as in the manuals of Express and pg. Nothing in it makes it slower than necessary.
import express from "express";
import pg from "pg";
import { v7 as uuid } from "uuid";

// The PG… variables contain the address of the database.
const pool = new pg.Pool({ max: 10 });
const app = express();

// The body must be stored exactly as it was received. express.json provides it only to `verify`.
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
