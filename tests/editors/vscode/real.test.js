// A night in real VS Code on the real canvas: torch, sealed scores, the built-in search. Its pictures are the README's.
const { realCampaign } = require("./campaigns.js");
const { drive } = require("./editor.js");
const { until } = require("./waiting.js");
const { LONG, begin, keeps, leave, reload, review } = require("./night.js");

// Of two hunks of one file, both must be in sight to be clicked.
const SIZE = { width: 1200, height: 2200 };
const PICTURE = { width: 1200, height: 760 };

drive("real", async (editor) => {
  const folder = realCampaign(editor);
  editor.picture = PICTURE;
  await editor.open(folder, "program.md", SIZE);
  await begin(editor, folder);
  const lines = () => new Set(keeps(folder).map((e) => e.hypothesis.match(/[A-Z]+(?:_[A-Z0-9]+)*_[A-Z0-9]+/)?.[0]));
  await until("gains of two knobs", () => lines().size >= 2, 2 * LONG);
  await editor.run("Notifications: Clear All Notifications");
  await review(editor, folder);
  await reload(editor, folder);
  await leave(editor, folder, 1);
});
