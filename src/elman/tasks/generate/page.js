let running = null;

// Write for as long as this run is the last one, a little in each frame.
function start(model) {
  const prompt = part("prompt").value;
  const length = Number(part("length").value);
  const options = { prompt, length, temperature: Number(part("temperature").value), seed: part("seed").value };
  const pieces = model.write({ ...options, given: Number(part("class").value) });
  let next = pieces.next(); // here the prompt is read, and what is unknown in it refused
  const begun = document.createElement("span");
  const written = document.createTextNode("");
  begun.className = "soft";
  begun.textContent = prompt;
  part("text").replaceChildren(begun, written);
  part("text").hidden = false;
  part("button").textContent = "Stop";
  const run = { count: 0, busy: 0 };
  running = run;
  const frame = () => {
    if (running !== run) return;
    const from = performance.now();
    for (; !next.done && performance.now() - from < 12; next = pieces.next()) {
      written.data += next.value;
      run.count++;
    }
    run.busy += performance.now() - from;
    if (next.done) stop(run);
    else requestAnimationFrame(frame);
  };
  frame();
}

function stop(run) {
  running = null;
  part("button").textContent = "Write";
  const pace = Math.round((1000 * run.count) / run.busy);
  const often = run.busy > 20 ? `, ${pace.toLocaleString("en")} a second` : ""; // clocks of browsers are coarse
  part("pace").textContent = run.count ? `${run.count.toLocaleString("en")} units${often}` : "";
}

serve((model) => {
  part("length").value = model.vocabulary.length;
  part("class").replaceChildren(...model.classes.map((name, number) => new Option(name, number)));
  part("class").parentElement.hidden = !model.classes.length;
  part("temperature").oninput = () => {
    part("shown").textContent = Number(part("temperature").value).toFixed(2);
  };
  part("temperature").oninput();
}, (model) => (running ? stop(running) : start(model)));
