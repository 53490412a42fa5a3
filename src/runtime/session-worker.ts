import { host } from "#host";
import { serve } from "./remote.ts";
import type { Session, SessionOptions } from "./session.ts";

/** What opens a session in a worker. */
export interface SessionInit {
  readonly model: Uint8Array;
  readonly options: SessionOptions;
}

serve(({ model, options }: SessionInit): Promise<Session> => host.openSession(model, options));
