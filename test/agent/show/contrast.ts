/** Runs in the browser: every text that is shown, with the contrast of its colour to what is painted behind it, as WCAG 2 reckons. */
export function measureContrast(): { measured: number; poor: string[] } {
  type Colour = readonly [number, number, number, number];
  const parse = (text: string): Colour => {
    const [r = 0, g = 0, b = 0, a = 1] = (/\(([^)]*)\)/u.exec(text)?.[1] ?? '').split(/[,/ ]+/u).map(Number);
    return [r, g, b, a];
  };
  const over = (top: Colour, under: Colour): Colour =>
    [0, 1, 2].map((index) => (top[index] ?? 0) * top[3] + (under[index] ?? 0) * (1 - top[3])).concat(1) as unknown as Colour;
  const luminance = (colour: Colour) => {
    const [r = 0, g = 0, b = 0] = colour
      .slice(0, 3)
      .map((value) => (value / 255 <= 0.03928 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const behind = (element: Element): Colour => {
    const layers: Colour[] = [];
    for (let one: Element | null = element; one !== null; one = one.parentElement)
      layers.push(parse(getComputedStyle(one).backgroundColor));
    return layers.reduceRight((under, top) => over(top, under), [255, 255, 255, 1] as Colour);
  };
  const poor: string[] = [];
  let measured = 0;
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const element = node.parentElement;
    if (
      element === null ||
      (node.textContent ?? '').trim() === '' ||
      !element.checkVisibility() ||
      element.closest('style, .hidden, .skip') !== null
    )
      continue;
    const style = getComputedStyle(element);
    const ground = behind(element);
    const [a, b] = [luminance(over(parse(element instanceof SVGElement ? style.fill : style.color), ground)), luminance(ground)];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    measured += 1;
    if (ratio < 4.5 || parseFloat(style.fontSize) < 13)
      poor.push(`${ratio.toFixed(2)} ${style.fontSize} ${(node.textContent ?? '').trim().slice(0, 40)}`);
  }
  return { measured, poor };
}
