'use strict';
// Drives one client for a Go test: node drive.js NAME. Each line of standard input is a call, {"call": name, "with": argument};
// each is answered by one line, {"returned": value} or {"threw": what the client says of the error}. NAME.js exports the calls,
// and `told`, which makes plain values of the client's own kind of error. The end of the input ends it.
const readline = require('node:readline');
const path = require('node:path');

const client = require(path.join(__dirname, process.argv[2] + '.js'));

async function answer(line) {
  const { call, with: argument } = JSON.parse(line);
  try {
    return { returned: (await client[call](argument)) ?? null };
  } catch (error) {
    return { threw: client.told(error) };
  }
}

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + '\n');
  }
  process.exit(0); // a client may have left a server or a connection open
})();
