const KEY = "blazing-sun.sound";
const GESTURES = ["pointerdown", "keydown"] as const;

/** What can be heard. */
export type Cue = "roll" | "land" | "point" | "tie" | "win";

type MakeContext = () => AudioContext | undefined;

/**
 * Short sounds that are made here and come out of no file. Nothing is heard before the player has touched the page,
 * nor while it is out of sight; the choice whether to hear anything is kept in this browser.
 */
export class Sound {
  private context: AudioContext | undefined;
  private hasGesture = false;
  private chosen: boolean;

  constructor(
    private readonly storage: Pick<Storage, "getItem" | "setItem"> | undefined = localStorageIfAny(),
    private readonly make: MakeContext = () => (globalThis.AudioContext ? new AudioContext() : undefined),
  ) {
    this.chosen = read(this.storage) !== "off";
    const begin = () => {
      this.hasGesture = true;
      for (const gesture of GESTURES) removeEventListener(gesture, begin, true);
    };
    for (const gesture of GESTURES) addEventListener(gesture, begin, true);
  }

  get isOn(): boolean {
    return this.chosen;
  }

  turn(isOn: boolean): void {
    this.chosen = isOn;
    try {
      this.storage?.setItem(KEY, isOn ? "on" : "off");
    } catch {
      // Storage is blocked: the choice lasts as long as the page.
    }
  }

  play(cue: Cue): void {
    if (!this.chosen || !this.hasGesture || document.visibilityState !== "visible") return;
    this.context ??= this.make();
    const { context } = this;
    if (!context) return;
    if (context.state === "suspended") void context.resume();
    CUES[cue](context, context.currentTime);
  }
}

const CUES: Readonly<Record<Cue, (context: AudioContext, at: number) => void>> = {
  roll: (context, at) => {
    for (let knock = 0; knock < 4; knock++) tap(context, at + knock * 0.07, 0.05, 1_900);
  },
  land: (context, at) => {
    for (const [after, loud, pitch] of [
      [0.1, 0.16, 900],
      [0.28, 0.12, 1_300],
      [0.4, 0.08, 1_700],
      [0.47, 0.05, 2_000],
    ] as const)
      tap(context, at + after, loud, pitch);
  },
  point: (context, at) => {
    tone(context, at + 0.6, 660, 0.12);
    tone(context, at + 0.72, 880, 0.22);
  },
  tie: (context, at) => {
    tone(context, at + 0.6, 440, 0.14);
    tone(context, at + 0.78, 440, 0.2);
  },
  win: (context, at) => {
    for (const [index, pitch] of [523, 659, 784, 1_047].entries()) tone(context, at + 0.6 + index * 0.13, pitch, 0.3);
  },
};

/** A knock of wood: noise through a narrow band, gone at once. */
function tap(context: AudioContext, at: number, loud: number, pitch: number): void {
  const length = Math.ceil(context.sampleRate * 0.05);
  const buffer = context.createBuffer(1, length, context.sampleRate);
  const samples = buffer.getChannelData(0);
  for (let n = 0; n < length; n++) samples[n] = (Math.random() * 2 - 1) * (1 - n / length) ** 3;
  const source = context.createBufferSource();
  source.buffer = buffer;
  const band = context.createBiquadFilter();
  band.type = "bandpass";
  band.frequency.value = pitch;
  band.Q.value = 1.4;
  const gain = context.createGain();
  gain.gain.value = loud;
  source.connect(band).connect(gain).connect(context.destination);
  source.start(at);
}

function tone(context: AudioContext, at: number, pitch: number, seconds: number): void {
  const source = context.createOscillator();
  source.type = "triangle";
  source.frequency.value = pitch;
  const gain = context.createGain();
  gain.gain.setValueAtTime(0.0001, at);
  gain.gain.exponentialRampToValueAtTime(0.09, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.0001, at + seconds);
  source.connect(gain).connect(context.destination);
  source.start(at);
  source.stop(at + seconds);
}

function localStorageIfAny(): Storage | undefined {
  try {
    return globalThis.localStorage;
  } catch {
    return undefined;
  }
}

function read(storage: Pick<Storage, "getItem"> | undefined): string | null {
  try {
    return storage?.getItem(KEY) ?? null;
  } catch {
    return null;
  }
}

/** The page's own: one choice for all games. */
export const sound = new Sound();
