import { expect, test } from 'vitest';
import { supersededOn, type OnToken } from '../../src/renewal/superseded-on-token.js';
import { parseCertificate } from '../../src/x509/parse-certificate.js';
import { caConstraints, day, leafConstraints, makeCertificate, makeKeys } from '../x509/material.js';
