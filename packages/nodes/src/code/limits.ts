/** What one piece of tenants' code may use and give. Bytes. */
export const CODE_LIMITS = { memoryBytesMax: 64 * 1024 * 1024, outputBytesMax: 1024 * 1024 } as const;
