// Takes over the page's appearance as far as it is harmless: each value has to be what its property holds.
const PROPERTIES = {
  colorPrimary: 'color',
  colorBackground: 'color',
  colorText: 'color',
  colorTextSecondary: 'color',
  colorTextPlaceholder: 'color',
  colorDanger: 'color',
  borderRadius: 'border-radius',
  fontFamily: 'font-family',
  fontSizeBase: 'font-size',
};
const SAFE = /^[\w\s#%.,()'"+-]{1,200}$/;

// Returns the colour scheme the frame has to have, so that it stays transparent.
export function applyAppearance({theme = 'stripe', variables = {}}) {
  const root = document.documentElement;
  root.dataset.theme = theme;
  for (const [name, property] of Object.entries(PROPERTIES)) {
    const value = String(variables[name] ?? '');
    const isSafe = SAFE.test(value) && !/url|var/i.test(value) && CSS.supports(property, value);
    if (isSafe) root.style.setProperty(`--${name}`, value);
    else root.style.removeProperty(`--${name}`);
  }
  const scheme = isDark(getComputedStyle(document.querySelector('.tab')).backgroundColor) ? 'dark' : 'light';
  root.dataset.scheme = scheme;
  return scheme;
}

function isDark(colour) {
  const canvas = document.createElement('canvas').getContext('2d');
  canvas.fillStyle = colour;
  canvas.fillRect(0, 0, 1, 1);
  const [red, green, blue] = canvas.getImageData(0, 0, 1, 1).data;
  return red * 0.299 + green * 0.587 + blue * 0.114 < 128;
}
