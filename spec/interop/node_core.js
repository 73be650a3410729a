// The official Node.js core of Huawei Cloud's SDK against the emulator: what the core signs, the
// emulator must accept, and a wrong secret it must refuse.
//
//   node node_core.js FILE      FILE holds the output of spec/emulator/start
//
// The operations are described to the core in the way its generated EVS client does it.
"use strict";

const fs = require("fs");
const { createRequire } = require("module");

// Installed by spec/interop/run below build/, not beside this file.
const installed = createRequire(process.cwd() + "/");
const { ClientBuilder } = installed("@huaweicloud/huaweicloud-sdk-core/ClientBuilder");
const { BasicCredentials } = installed("@huaweicloud/huaweicloud-sdk-core/auth/BasicCredentials");
// The core has set its logger to print every error answer between our lines.
installed("log4js").configure({
  appenders: { none: { type: "stderr" } },
  categories: { default: { appenders: ["none"], level: "off" } },
});

const facts = Object.fromEntries(
  fs.readFileSync(process.argv[2], "utf8").split("\n")
    .filter((line) => line.includes("="))
    .map((line) => [line.slice(0, line.indexOf("=")), line.slice(line.indexOf("=") + 1)]),
);

class EvsClient {
  constructor(client) {
    this.client = client;
  }

  snapshot(method, id) {
    return this.client.sendRequest({
      method,
      url: "/v2/{project_id}/cloudsnapshots/{snapshot_id}",
      contentType: "application/json",
      queryParams: {},
      pathParams: { project_id: facts.project_id, snapshot_id: id },
      headers: {},
      data: {},
    });
  }

  list(queryParams) {
    return this.client.sendRequest({
      method: "GET",
      url: "/v2/{project_id}/cloudsnapshots/detail",
      contentType: "application/json",
      queryParams,
      pathParams: { project_id: facts.project_id },
      headers: {},
    });
  }
}

const permanent = { ak: facts.ak, sk: facts.sk, projectId: facts.project_id };
const temporary = {
  ak: facts.temporary_ak,
  sk: facts.temporary_sk,
  securityToken: facts.security_token,
  projectId: facts.project_id,
};

function build(keys, endpoint = facts.endpoint) {
  return new ClientBuilder((client) => new EvsClient(client))
    .withCredential(new BasicCredentials(keys))
    .withEndpoint(endpoint)
    .build();
}

function buildDerived() {
  const credentials = new BasicCredentials({ ...permanent, derivedPredicate: () => true });
  return new ClientBuilder((client) => new EvsClient(client))
    .withCredential(credentials)
    .withRegion({ id: facts.region, endpoints: [facts.endpoint] })
    .withDerivedAuthServiceName("evs")
    .build();
}

async function control(method, path, value) {
  const answer = await fetch(`${facts.endpoint}/emulator/${path}`, {
    method,
    body: value === undefined ? undefined : JSON.stringify(value),
  });
  if (!answer.ok) throw new Error(`${method} ${path}: ${await answer.text()}`);
  return answer.json();
}

async function exists(id) {
  const all = await control("GET", "snapshots");
  return all.some((snapshot) => snapshot.id === id);
}

let passed = 0;
let failed = 0;

async function check(name, run) {
  await control("POST", "reset", {});
  await control("POST", "snapshots", [
    { id: "snapshot-1", name: "nightly" },
    { id: "snapshot-2", name: "Wöchentlich 快照 1" },
  ]);
  try {
    await run();
    passed += 1;
    console.log(`ok ${name}`);
  } catch (problem) {
    failed += 1;
    console.log(`FAIL ${name}: ${problem.message || JSON.stringify(problem)}`);
  }
}

function equal(actual, expected) {
  if (actual !== expected) throw new Error(`expected ${expected}, got ${actual}`);
}

async function refused(promise, status, code) {
  let answer;
  try {
    answer = await promise;
  } catch (error) {
    equal(error.httpStatusCode, status);
    equal(error.errorCode, code);
    return;
  }
  throw new Error(`expected ${status} ${code}, got ${answer.httpStatusCode}`);
}

async function deletes(client) {
  equal((await client.snapshot("DELETE", "snapshot-1")).httpStatusCode, 202);
  equal(await exists("snapshot-1"), false);
  equal(await exists("snapshot-2"), true);
}

async function main() {
  await check("a DELETE signed with the right key is accepted with 202",
    () => deletes(build(permanent)));
  await check("a DELETE over TLS is accepted with 202",
    () => deletes(build(permanent, facts.tls_endpoint)));
  await check("a DELETE signed with a temporary key and its security token is accepted",
    () => deletes(build(temporary)));
  await check("a DELETE signed with V11-HMAC-SHA256 is accepted", async () => {
    await deletes(buildDerived());
    const [request] = await control("GET", "log");
    equal(request.headers.authorization.split(" ")[0], "V11-HMAC-SHA256");
  });
  await check("a DELETE signed with a wrong secret is refused with 401 APIGW.0301", async () => {
    await refused(build({ ...permanent, sk: "wrong" }).snapshot("DELETE", "snapshot-1"),
      401, "APIGW.0301");
    equal(await exists("snapshot-1"), true);
  });
  await check("a temporary key without its security token is refused with 401 APIGW.0301",
    () => refused(build({ ...temporary, securityToken: undefined })
      .snapshot("DELETE", "snapshot-1"), 401, "APIGW.0301"));
  await check("a DELETE in a wrong state is refused with 400 EVS.1047", async () => {
    await control("POST", "snapshots", { id: "snapshot-3", status: "creating" });
    await refused(build(permanent).snapshot("DELETE", "snapshot-3"), 400, "EVS.1047");
  });
  await check("a GET of one snapshot is accepted", async () => {
    const { snapshot } = await build(permanent).snapshot("GET", "snapshot-2");
    equal(snapshot.name, "Wöchentlich 快照 1");
  });
  await check("a GET with a limit is accepted", async () => {
    const page = await build(permanent).list({ limit: 1 });
    equal(page.count, 2);
    equal(page.snapshots.length, 1);
  });
  await check("a GET with a blank and non-ASCII letters in its query is accepted", async () => {
    const page = await build(permanent).list({ limit: 10, name: "Wöchentlich 快照 1" });
    equal(page.count, 1);
    equal(page.snapshots[0].id, "snapshot-2");
  });
  console.log(`${passed} passed, ${failed} failed`);
  process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
}

main();
