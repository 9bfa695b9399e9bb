import { z } from "zod";

/** A language, with or without its script and region: `de`, `pt-BR`, `zh-Hant-TW`. Extensions are left out, so that there is a bounded number of them. */
export const localeSchema = z
  .string()
  .regex(/^[a-z]{2,3}(?:-[A-Z][a-z]{3})?(?:-(?:[A-Z]{2}|\d{3}))?$/, { error: "must be a locale, such as de or pt-BR", abort: true })
  .refine((locale) => Intl.Collator.supportedLocalesOf(locale).length > 0, "must be a locale that Fluxo knows");
