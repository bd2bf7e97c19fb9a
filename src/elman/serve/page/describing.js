// What a model does, in a sentence that is made of its own columns and classes.

const MOST = 6;

function list(names, last = "and") {
  if (names.length > MOST) return `${names.slice(0, MOST - 1).join(", ")} ${last} ${names.length - MOST + 1} more`;
  return names.length < 2 ? names.join("") : `${names.slice(0, -1).join(", ")} ${last} ${names[names.length - 1]}`;
}

const counted = (count, word) => `${count.toLocaleString("en")} ${word}${count === 1 ? "" : "s"}`;
const ONE = { text: "a text", letters: "a sequence of letters", sound: "a sound", image: "a picture", series: "a series" };

function reads({ columns, id }) {
  const [[name, kind], ...more] = Object.entries(columns);
  if (id) return `the rows of each ${id}`;
  return !more.length && ONE[kind] ? ONE[kind] : list([name, ...more.map(([other]) => other)]);
}

const DOES = {
  classify: ({ facts }) => {
    const target = facts.target ? ` (${facts.target})` : "";
    if (facts.answers === "number") return `Reads ${reads(facts)}; estimates ${facts.target || "a number"}.`;
    const several = facts.answers === "labels";
    return `Reads ${reads(facts)}; answers ${several ? "with any of " : ""}${list(facts.classes, several ? "and" : "or")}${target}.`;
  },
  tag: ({ facts }) => `Gives every word of a sentence a tag: ${list(facts.tags, "or")}.` +
    (facts.labels.length ? ` Gives the sentence a label: ${list(facts.labels, "or")}.` : ""),
  forecast: ({ facts }) => `Forecasts ${list(facts.targets)}, ${counted(facts.horizon, "step")} ahead.`,
  translate: ({ facts }) => (facts.orders ? "Puts words in order." : "Translates texts."),
  transcribe: () => "Writes down what is said.",
  caption: ({ page }) => (page === "picture" ? "Describes a picture in words." : "Describes pictures in words, by their features."),
  generate: ({ facts }) => `Writes texts, ${facts.unit} by ${facts.unit}${facts.classes.length ? `, as ${list(facts.classes, "or")}` : ""}.`,
  compose: ({ facts }) => `Composes ${facts.drums ? "rhythms for drums" : "music"}${facts.classes.length ? ` as ${list(facts.classes, "or")}` : ""}.`,
};

export const describe = (model) => DOES[model.task](model);
