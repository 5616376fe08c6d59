/** What a region may be called, on the command line and in files. */
export const REGION_NAME = /^[A-Za-z0-9][A-Za-z0-9_.-]{0,62}$/;
