"use strict";
// What changed since a revision.

function changedParams(rows) {
  const columns = [
    words("Param", row => row.param),
    words("Before", row => row.old, {kind: "long"}),
    words("Now", row => row.new, {kind: "long"}),
    words("Touches models", row => row.models.join(", "), {kind: "long"}),
  ];
  return [element("h3", {}, "Params"), table("Params that differ", columns, rows, true)];
}

function changeRow({model, verdict, mean_difference: difference, low, high}) {
  const fits = verdict !== "worse";
  return {label: `${model}|${verdict}`, figure: model, found: difference, middle: difference, low, high, fits};
}

function verdicts(rows) {
  const columns = [
    words("Model", row => row.model),
    words("Verdict", row => row.status ?? row.verdict, {mark: row => row.verdict === "worse" && "alarm"}),
    figures("Before", row => row.mean_old, fixed),
    figures("Now", row => row.mean_new, fixed),
    figures("Difference", row => row.mean_difference, signed),
    figures("From", row => row.low, signed),
    figures("To", row => row.high, signed),
    figures("p, Holm", row => row.p_adjusted, probability),
  ];
  const tested = rows.filter(row => Number.isFinite(row.mean_difference));
  const place = element("div");
  if (tested.length) {
    const said = tested.map(row => `${row.model} ${signed(row.mean_difference)}, ${row.verdict}`);
    draw(place, width => intervals(tested.map(changeRow), "Difference of test accuracy", "difference", width),
      `Differences of test accuracy with their intervals: ${said.join("; ")}.`);
  }
  const caption = "Verdicts on test accuracy";
  const about = element("p", {class: "small"}, "A verdict and its interval are about new texts of the same kind: they " +
    "allow for other seeds and other test texts. p and the intervals are corrected for all models of a dataset.");
  return [element("h3", {}, "Test accuracy over seeds"), place, table(caption, columns, rows, true), about];
}

function changedMetrics(rows) {
  const columns = [
    words("Of", row => row.of || "all"),
    words("Figure", row => row.figure),
    figures("Before", row => row.old, shownValue),
    figures("Now", row => row.new, shownValue),
    figures("Difference", row => row.difference, value => signed(value, 5)),
    figures("Over seeds", row => row.mean_difference, value => signed(value, 5)),
    words("Mark", row => row.status ?? row.verdict),
  ];
  const caption = "Metrics that differ, under the first seed and over seeds";
  return [element("h3", {}, "Metrics"), table(caption, columns, rows, true)];
}

function showChanges({changes}) {
  if (!changes) return;
  const place = find("changes-content"), {revision, commit} = changes;
  find("changes").hidden = false;
  const named = commit && !revision.startsWith(commit) ? ` (${commit})` : "";
  place.append(element("p", {}, "From ", element("code", {}, revision), `${named} to the files as they are here.`));
  const sections = [[changedParams, changes.params], [verdicts, changes.verdicts], [changedMetrics, changes.metrics]];
  const differing = sections.filter(([, rows]) => rows.length);
  place.append(...differing.flatMap(([show, rows]) => show(rows)));
  if (!differing.length) place.append(element("p", {}, "No metric or param differs."));
}
