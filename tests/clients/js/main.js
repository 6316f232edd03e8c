// What the library of browsers for gRPC-Web and the Connect protocol sees of a server of
// tests/support/conformance.proto, with binary messages and with JSON.
//
// Give it the server's address; conformance.binpb, the file's descriptor set, lies beside it. It prints a line for each
// check, and fails if one of them does.

import { strict as assert } from "node:assert";
import { readFileSync } from "node:fs";
import { createFileRegistry, fromBinary } from "@bufbuild/protobuf";
import { FileDescriptorSetSchema } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

const [address] = process.argv.slice(2);
const descriptors = readFileSync(new URL("./conformance.binpb", import.meta.url));
const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
const service = registry.getService("conformance.Conformance");

const PATIENCE_MS = 20_000;

async function refused(call) {
  try {
    await call();
  } catch (error) {
    return ConnectError.from(error);
  }
  throw new Error("it was answered");
}

async function gathered(stream, into = []) {
  for await (const each of stream) {
    into.push(each.number);
  }
  return into;
}

const checks = {
  async unary(client) {
    const data = new Uint8Array(300_000).fill(7);
    const answer = await client.unary({ text: "a", data, count: 3 });
    assert.deepEqual([answer.text, answer.number, answer.data.length], ["a", 3, data.length]);
  },
  async "server's stream"(client) {
    assert.deepEqual(await gathered(client.spread({ count: 100 })), [...Array(100).keys()]);
  },
  async "status code and message"(client) {
    const error = await refused(() => client.unary({ wish: "abort", text: "not \u263a 50 %" }));
    assert.deepEqual([error.code, error.rawMessage], [Code.FailedPrecondition, "not \u263a 50 %"]);
  },
  async "a stream that ends with an error"(client) {
    const numbers = [];
    const error = await refused(() => gathered(client.spread({ count: 2, wish: "abort", text: "no" }), numbers));
    assert.deepEqual([error.code, error.rawMessage, numbers], [Code.Aborted, "no", [0, 1]]);
  },
  async "rich status"(client) {
    const error = await refused(() => client.unary({ wish: "rich" }));
    assert.deepEqual([error.code, error.rawMessage, error.metadata.get("x-more")], [Code.OutOfRange, "rich", "y"]);
  },
  async metadata(client) {
    const headers = { "x-plain": "a b" };
    let told;
    await client.unary({ wish: "greet" }, { headers, onHeader: (header) => (told = header) });
    assert.equal(told.get("x-plain"), "a b");
    await client.unary({ wish: "trail" }, { headers, onTrailer: (trailer) => (told = trailer) });
    assert.equal(told.get("x-plain"), "a b");
  },
  async deadline(client) {
    const error = await refused(() => client.unary({ wish: "wait" }, { timeoutMs: 200 }));
    assert.equal(error.code, Code.DeadlineExceeded);
  },
  async cancel(client) {
    const leave = new AbortController();
    const error = await refused(async () => {
      for await (const each of client.spread({ count: 1, wish: "wait" }, { signal: leave.signal })) {
        assert.equal(each.number, 0);
        leave.abort();
      }
    });
    assert.equal(error.code, Code.Canceled);
  },
  async "unimplemented method"(client) {
    assert.equal((await refused(() => client.unwritten({}))).code, Code.Unimplemented);
  },
};

const baseUrl = `http://${address}`;
const transports = {
  "Connect, binary": createConnectTransport({ baseUrl, useBinaryFormat: true, defaultTimeoutMs: PATIENCE_MS }),
  "Connect, JSON": createConnectTransport({ baseUrl, useBinaryFormat: false, defaultTimeoutMs: PATIENCE_MS }),
  "gRPC-Web": createGrpcWebTransport({ baseUrl, defaultTimeoutMs: PATIENCE_MS }),
};

let failed = 0;
let count = 0;
for (const [protocol, transport] of Object.entries(transports)) {
  const client = createClient(service, transport);
  for (const [name, check] of Object.entries(checks)) {
    count++;
    try {
      await check(client);
      console.log(`ok      connect-web: ${protocol}: ${name}`);
    } catch (problem) {
      failed++;
      console.log(`FAILED  connect-web: ${protocol}: ${name}: ${problem.message}`);
    }
  }
}
console.log(`${count} checks, ${failed} failed`);
process.exit(failed ? 1 : 0);
