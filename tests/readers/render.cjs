// Draws ZPL labels: node render.cjs JOBS.json, a list of {zpl, png, width_mm, height_mm, dots_per_mm}.
// The n-th label of a file becomes <png>-<n>.png. Prints the number of labels of each file, as JSON.
const fs = require("node:fs");
const { ready } = require("zpl-renderer-js");

async function main() {
  const { api } = await ready;
  const counts = [];
  for (const job of JSON.parse(fs.readFileSync(process.argv[2], "utf8"))) {
    const zpl = fs.readFileSync(job.zpl, "utf8");
    const pictures = await api.zplToBase64MultipleAsync(zpl, job.width_mm, job.height_mm, job.dots_per_mm);
    pictures.forEach((picture, n) => fs.writeFileSync(`${job.png}-${n}.png`, Buffer.from(picture, "base64")));
    counts.push(pictures.length);
  }
  console.log(JSON.stringify(counts));
}

// The renderer keeps the process alive.
main().then(() => process.exit(0), (error) => {
  console.error(error);
  process.exit(1);
});
