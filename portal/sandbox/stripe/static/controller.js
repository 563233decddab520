// Asks the sandbox on behalf of a page that may not ask it itself.
import {listen, setupIntent} from './channel.js';

listen({retrieve: setupIntent});
