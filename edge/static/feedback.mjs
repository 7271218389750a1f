// Sounds and vibration that tell right from wrong without a look at the screen.

let audio = null;

/** Browsers let a page make sounds only after a touch or key: the first one opens the way. */
export function unlockSound() {
  const open = () => {
    audio ??= new AudioContext();
    if (audio.state === "suspended") void audio.resume();
  };
  addEventListener("pointerdown", open, { once: true });
  addEventListener("keydown", open, { once: true });
}

function tone(frequency, startS, lengthS, shape) {
  if (!audio || audio.state !== "running") return;
  const oscillator = audio.createOscillator();
  const volume = audio.createGain();
  const start = audio.currentTime + startS;
  oscillator.type = shape;
  oscillator.frequency.value = frequency;
  volume.gain.setValueAtTime(0.0001, start);
  volume.gain.exponentialRampToValueAtTime(0.5, start + 0.01);
  volume.gain.exponentialRampToValueAtTime(0.0001, start + lengthS);
  oscillator.connect(volume).connect(audio.destination);
  oscillator.start(start);
  oscillator.stop(start + lengthS + 0.02);
}

/** One short, high tone. */
export function soundRight() {
  tone(1320, 0, 0.09, "sine");
  navigator.vibrate?.(40);
}

/** Two rising tones: a line or a whole task is complete. */
export function soundComplete() {
  tone(990, 0, 0.1, "sine");
  tone(1480, 0.11, 0.16, "sine");
  navigator.vibrate?.([40, 60, 40]);
}

/** Two long, low, rough tones. */
export function soundWrong() {
  tone(170, 0, 0.24, "sawtooth");
  tone(140, 0.3, 0.34, "sawtooth");
  navigator.vibrate?.([220, 90, 320]);
}
