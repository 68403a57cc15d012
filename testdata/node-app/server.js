// A small web server; with --check it asks itself one question and ends.
const express = require("express");

const app = express();
app.get("/", (request, response) => response.send("server is sound"));

const server = app.listen(process.env.PORT || 0, "127.0.0.1", async () => {
  if (!process.argv.includes("--check")) return;
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
  console.log(await answer.text());
  server.close();
});
