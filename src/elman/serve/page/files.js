// Pages of models that read a file: a sound, dropped or recorded, or a picture.

import { predictFile } from "./api.js";
import { answerPlace, classOptions, dropZone, make, showAnswer } from "./parts.js";

export function soundPage(model, report) {
  const place = answerPlace();
  const player = make("audio", { controls: true, hidden: true, "aria-label": "The sound" });
  const onSound = async (file) => {
    player.src = URL.createObjectURL(file);
    player.hidden = false;
    place.replaceChildren(make("p", { class: "soft" }, "Listening …"));
    try {
      const [answer] = await predictFile(model, file, classOptions(model));
      place.replaceChildren(model.task === "transcribe" ? showTranscript(answer) : showAnswer(answer, model));
    } catch (error) {
      place.replaceChildren();
      throw error;
    }
  };
  return [
    make("form", { on: { submit: (event) => event.preventDefault() } },
      dropZone("file", "Choose or drop a sound", model.files, onSound),
      make("div", { class: "row" }, recordButton(onSound, report))),
    player, place];
}

function showTranscript(answer) {
  const times = answer.words.map((word) => make("li", {}, make("span", {}, word.word),
    make("small", {}, word.start === undefined ? "" : `${word.start.toFixed(2)} s`)));
  return make("div", {}, make("p", { class: "big" }, answer.text || "(nothing)"), make("ul", { class: "tagged" }, ...times));
}

function recordButton(onSound, report) {
  const button = make("button", { type: "button" }, "Record");
  if (!navigator.mediaDevices || !window.MediaRecorder) {
    button.disabled = true;
    button.textContent = "No microphone here";
    return button;
  }
  let recorder = null;
  button.addEventListener("click", async () => {
    if (recorder) return recorder.stop();
    try {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const pieces = [];
      recorder = new MediaRecorder(stream);
      recorder.addEventListener("dataavailable", (event) => pieces.push(event.data));
      recorder.addEventListener("stop", async () => {
        for (const track of stream.getTracks()) track.stop();
        recorder = null;
        button.textContent = "Record";
        button.classList.remove("live");
        try {
          await onSound(await toWav(new Blob(pieces)));
        } catch (error) {
          report(error);
        }
      });
      recorder.start();
      button.textContent = "Stop";
      button.classList.add("live");
    } catch {
      report(new Error("The microphone cannot be used. Allow it in the browser, or choose a file."));
    }
  });
  return button;
}

// What a browser records, in whichever form, as 16-bit samples of one channel.
async function toWav(blob) {
  const context = new AudioContext();
  const sound = await context.decodeAudioData(await blob.arrayBuffer());
  await context.close();
  const channels = [...Array(sound.numberOfChannels).keys()].map((index) => sound.getChannelData(index));
  const view = new DataView(new ArrayBuffer(44 + 2 * sound.length));
  const text = (at, word) => [...word].forEach((one, index) => view.setUint8(at + index, one.charCodeAt(0)));
  text(0, "RIFF");
  view.setUint32(4, 36 + 2 * sound.length, true);
  text(8, "WAVEfmt ");
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, sound.sampleRate, true);
  view.setUint32(28, 2 * sound.sampleRate, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  text(36, "data");
  view.setUint32(40, 2 * sound.length, true);
  for (let index = 0; index < sound.length; index++) {
    const mean = channels.reduce((sum, channel) => sum + channel[index], 0) / channels.length;
    view.setInt16(44 + 2 * index, Math.round(32767 * Math.max(-1, Math.min(1, mean))), true);
  }
  return new File([view], "recorded.wav", { type: "audio/wav" });
}

export function picturePage(model) {
  const place = answerPlace();
  const image = make("img", { class: "shown", alt: "The picture that was chosen", hidden: true });
  const onPicture = async (file) => {
    image.src = URL.createObjectURL(file);
    image.hidden = false;
    const [answer] = await predictFile(model, file, classOptions(model));
    place.replaceChildren(answer.captions ? make("p", { class: "big" }, answer.captions[0].text) : showAnswer(answer, model));
  };
  return [make("form", { on: { submit: (event) => event.preventDefault() } }, dropZone("file", "Choose or drop a picture", model.files, onPicture)), image, place];
}
