// An element of the page by its name.
const part = (name) => document.getElementById(name);

// Show what is wrong; nothing where the text is empty.
function fail(message) {
  part("error").textContent = message;
  part("error").hidden = !message;
}

// Prepare the page once its model is there, and answer each time that its form is sent.
function serve(prepare, answer) {
  openModel(JSON.parse(part("given").textContent)).then((model) => {
    prepare(model);
    document.forms[0].onsubmit = (event) => {
      event.preventDefault();
      attempt(() => answer(model));
    };
  }).catch((error) => fail(`The model cannot run here: ${error.message}`));
}

function attempt(action) {
  fail("");
  try {
    action();
  } catch (error) {
    fail(error.message);
  }
}
