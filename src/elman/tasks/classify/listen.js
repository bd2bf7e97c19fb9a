const [LOWEST, HIGHEST, USUAL] = [8000, 96000, 48000]; // rates that every browser decodes to

// Decode a file of sound at its own rate, mix all channels, and bring them to the rate of the model.
async function decode(bytes, rate) {
  const own = rateOfWav(bytes);
  const source = own >= LOWEST && own <= HIGHEST ? own : USUAL;
  const sound = await new OfflineAudioContext(1, 1, source).decodeAudioData(bytes);
  const channels = Array.from({ length: sound.numberOfChannels }, (_, k) => sound.getChannelData(k));
  const mixed = channels[0].map((_, k) => channels.reduce((total, channel) => total + channel[k], 0) / channels.length);
  return resample(mixed, source, rate);
}

async function hear(model, bytes, name) {
  fail("");
  part("how").textContent = "…";
  try {
    const { rate } = model.own.sound;
    const samples = await decode(bytes, rate);
    const steps = new Frames(model.own.sound).of(samples);
    showAnswer(model, model.compute({ steps }));
    part("how").textContent = `${name}: ${(samples.length / rate).toFixed(2)} s, ${steps.length} frames`;
  } catch (error) {
    part("shown").hidden = true;
    part("how").textContent = "";
    fail(error.name === "EncodingError" ? `${name} is no sound that this browser can read.` : error.message);
  }
}

// Record until the button is pressed again.
async function record(model) {
  const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  const recorder = new MediaRecorder(stream);
  const parts = [];
  recorder.ondataavailable = ({ data }) => parts.push(data);
  recorder.onstop = async () => {
    stream.getTracks().forEach((track) => track.stop());
    part("record").textContent = "Record";
    await hear(model, await new Blob(parts).arrayBuffer(), "recording");
  };
  recorder.start();
  part("record").textContent = "Stop";
  return recorder;
}

serve((model) => {
  part("facts").textContent = `Listens to a sound, and answers with ${sayAnswer(model)}.`;
  const take = async (file) => file && hear(model, await file.arrayBuffer(), file.name);
  part("file").onchange = ({ target }) => take(target.files[0]);
  for (const kind of ["dragover", "dragleave", "drop"]) {
    part("drop").addEventListener(kind, (event) => {
      event.preventDefault();
      part("drop").classList.toggle("over", kind === "dragover");
      if (kind === "drop") take(event.dataTransfer.files[0]);
    });
  }
}, async (model) => {
  if (model.recorder?.state === "recording") return model.recorder.stop();
  try {
    model.recorder = await record(model);
  } catch {
    fail("There is no microphone here, or it may not be used.");
  }
});
