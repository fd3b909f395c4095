/** A CK_SLOT_ID as `hsmonger token list` and pkcs11-tool show it. */
export function slotText(slotId: number): string {
  return `0x${slotId.toString(16)}`;
}
