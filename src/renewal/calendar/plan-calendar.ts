import type { CalendarCertificate, CalendarEntry, Renewal } from './calendar.js';
import { gainsNothing, goesFirst, leadingWindow } from './ca-first.js';
import { tooNew } from '../decide.js';
import { coursesOf, type Course } from './course.js';
import { windowOf, type Window } from './window.js';

/** What is shown of what comes after the next renewals. */
export interface CalendarSpan {
  readonly now: Date;
  readonly until: Date;
}

/** Of what lives for hours no more are listed. */
const mostRenewals = 24;

/**
 * When each certificate is renewed: a moment in a window that ends when certmonger would do it, a CA's certificate before those that would
 * outlive it, the others of one CA apart from each other. The next renewals follow from the certificates alone, so that neither a restart
 * nor the hour changes them.
 */
export function planCalendar(certificates: readonly CalendarCertificate[], span: CalendarSpan): CalendarEntry[] {
  const courses = coursesOf(certificates);
  // CAs first, in an order that is the same whichever way certmonger lists them.
  for (const course of [...courses].sort(
    (one, other) => depth(one) - depth(other) || compare(one.certificate.identity, other.certificate.identity),
  ))
    place(course);
  const until = span.until.getTime();
  for (const course of courses) course.over = course.planned > until;
  for (let course = soonest(courses); course !== undefined; course = soonest(courses)) renew(course, span);
  return courses.map((course) => entryOf(course, span));
}

function place(course: Course): void {
  const { certificate, ca } = course;
  const own = windowOf(course.life, { ...certificate, by: course.by, follows: ca !== undefined });
  course.window = own;
  if (ca !== undefined && certificate.by === 'agent') {
    if (goesFirst(ca, course)) follow(course, ca);
    else if (gainsNothing(course, ca)) leaveToCertmonger(course, ca);
  }
  if (certificate.by === 'agent') course.window = leadingWindow(course, course.below);
  // A life its CA's end has cut to almost nothing.
  if (course.renewals.length > 0) course.window = notBefore(course.window, course.issued + tooNew);
  const seed = `${certificate.identity}#${String(course.renewals.length)}`;
  course.planned = course.by === 'agent' ? course.spread.place(course.window, seed, course.many) : course.window.to;
  course.renewals.push(renewalOf(course));
}

/** After the CA's, which has its share before this window unless it became valid just now. */
function follow(course: Course, ca: Course): void {
  if (course.renewals.length === 0) {
    course.waits = true;
    course.window = { ...course.window, from: Math.min(Math.max(course.window.from, ca.planned), course.window.to) };
  } else if (ca.renewals.length === 1 && ca.planned > course.window.from) {
    note(
      ca,
      `Goes first when the renewal of '${course.certificate.nickname}' around ${dayOf(course.window.from)} comes near: that would outlive it.`,
    );
  }
}

function leaveToCertmonger(course: Course, ca: Course): void {
  course.by = 'certmonger';
  course.window = windowOf(course.life, { ...course.certificate, by: 'certmonger', follows: true });
  note(
    course,
    `Its CA's certificate '${ca.certificate.nickname}' ends first and is not renewed by this agent; an earlier renewal would be refused.`,
  );
}

function notBefore({ from, to }: Window, earliest: number): Window {
  return { from: Math.max(from, earliest), to: Math.max(to, earliest) };
}

function soonest(courses: readonly Course[]): Course | undefined {
  let first: Course | undefined;
  for (const course of courses) if (!course.over && (first === undefined || course.planned < first.planned)) first = course;
  return first;
}

/** What is planned has happened: the next life. */
function renew(course: Course, { now, until }: CalendarSpan): void {
  const { certificate, ca } = course;
  const at = Math.max(course.planned, now.getTime());
  const whole = at + certificate.lifeMs;
  const cut = ca === undefined || goesFirst(ca, course) ? whole : Math.min(whole, ca.life.notAfter);
  if (cut <= Math.max(course.life.notAfter, at + tooNew)) {
    course.over = true;
    note(course, `Around ${dayOf(at)} its CA's certificate leaves it nothing to gain; what comes after that cannot be said.`);
    return;
  }
  course.issued = at;
  course.life = { notBefore: at - certificate.backdateMs, notAfter: cut };
  if (course.renewals.length >= mostRenewals) {
    course.over = true;
    note(
      course,
      `Only the next ${String(mostRenewals)} renewals are listed; they go on like that, about every ${duration(certificate.lifeMs)}.`,
    );
    return;
  }
  place(course);
  course.over = course.planned > until.getTime();
}

function entryOf(course: Course, { until }: CalendarSpan): CalendarEntry {
  const { instance, nickname, profile, notBefore, notAfter } = course.certificate;
  const [next = renewalOf(course), ...later] = course.renewals;
  return {
    instance,
    nickname,
    profile,
    notBefore,
    notAfter,
    by: course.by,
    ...next,
    later: later.filter(({ planned }) => planned <= until),
    ...(course.waits && course.ca !== undefined ? { after: course.ca.certificate.nickname } : {}),
    notes: course.notes,
  };
}

function renewalOf({ window, planned }: Course): Renewal {
  return { from: new Date(Math.floor(window.from)), to: new Date(Math.floor(window.to)), planned: new Date(planned) };
}

function note(course: Course, sentence: string): void {
  if (!course.notes.includes(sentence)) course.notes.push(sentence);
}

function depth({ ca }: Course): number {
  return ca === undefined ? 0 : depth(ca) + 1;
}

/** Not by locale: the order must be the same on every machine. */
function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}

function dayOf(moment: number): string {
  return new Date(moment).toISOString().slice(0, 10);
}

function duration(milliseconds: number): string {
  const hours = milliseconds / 3_600_000;
  return hours >= 48
    ? `${String(Math.round(hours / 24))} days`
    : hours >= 2
      ? `${String(Math.round(hours))} hours`
      : `${String(Math.round(hours * 60))} minutes`;
}
