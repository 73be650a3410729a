// Warm deletions by the official Node.js core of Huawei Cloud's SDK, one after the other, with a
// call of the shape that its generated EVS client has:
//
//   node bench/node_core.js URL COUNT
"use strict";

const { createRequire } = require("module");

// Where spec/interop/run installs it.
const installed = createRequire(process.cwd() + "/build/interop/");
const { ClientBuilder } = installed("@huaweicloud/huaweicloud-sdk-core/ClientBuilder");
const { BasicCredentials } = installed("@huaweicloud/huaweicloud-sdk-core/auth/BasicCredentials");
installed("log4js").configure({
  appenders: { none: { type: "stderr" } },
  categories: { default: { appenders: ["none"], level: "off" } },
});

class EvsClient {
  constructor(client) {
    this.client = client;
  }

  deleteSnapshot(id) {
    return this.client.sendRequest({
      method: "DELETE",
      url: "/v2/{project_id}/cloudsnapshots/{snapshot_id}",
      contentType: "application/json",
      queryParams: {},
      pathParams: { project_id: "0123456789abcdef0123456789abcdef", snapshot_id: id },
      headers: {},
      data: {},
    });
  }
}

const client = new ClientBuilder((inner) => new EvsClient(inner))
  .withCredential(new BasicCredentials({
    ak: "AKEXAMPLE0123456789",
    sk: "an-example-secret-key",
    projectId: "0123456789abcdef0123456789abcdef",
  }))
  .withEndpoint(process.argv[2])
  .build();

async function main() {
  const count = Number(process.argv[3]);
  for (let i = 0; i < count; i++) {
    const answer = await client.deleteSnapshot((i % 256).toString(16).padStart(8, "0") +
      "-0000-4000-8000-000000000000");
    if (answer.httpStatusCode !== 202) throw new Error(JSON.stringify(answer));
  }
  process.exit(0); // do not wait for the kept connections
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
