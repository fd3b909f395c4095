/** An object identifier in its dotted form. X.660: under 0 and 1 there are forty arcs. */
export const dottedForm = /^(?:[01]\.(?:[0-9]|[1-3][0-9])|2\.(?:0|[1-9]\d{0,9}))(?:\.(?:0|[1-9]\d{0,38}))*$/u;
